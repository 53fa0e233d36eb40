"""The workbench: screens over runs. The only part of tuinet that knows Textual; it knows no engine and no Numba."""
