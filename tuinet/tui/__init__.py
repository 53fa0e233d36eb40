"""The application in the terminal: screens that watch and control runs. The only part of tuinet that knows Textual."""
