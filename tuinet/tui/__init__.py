"""The screens: an application of Textual that watches and steers runs. Nothing else imports Textual, and nothing here
loads the engine: the numbers come from the files of a run and from its worker."""
