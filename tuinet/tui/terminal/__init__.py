"""What stands between Textual and the terminal: fewer bytes, no blocking, no harm, and everything given back.

    abilities   what the terminal can show, found before Textual is imported
    guard       a small parent process that gives the terminal back however the screen dies
    driver      input that no byte can break, output that never blocks, a line that may drop, ctrl+z
    frame       what the terminal shows, cell by cell, so that only what differs is sent
    visible     the last check: no control character of any content is sent
    pace        how often to paint, slower where the line is slow
    app         `TerminalApp`, an App with all of it

Start with `guard.run_guarded`. Nothing here imports Textual but driver, frame, visible and app.
"""
