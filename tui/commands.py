"""The commands that begin with a slash: their names and words; what they do is the app's."""

from __future__ import annotations

from codeagent.tui.prompt.completion import SlashCommandInfo

COMMANDS = (
    SlashCommandInfo("help", "Keys and commands", ""),
    SlashCommandInfo("new", "Begin a new session", ""),
    SlashCommandInfo("sessions", "Search, resume, fork, rename and export sessions", ""),
    SlashCommandInfo("undo", "Take the last turn back: conversation and files", ""),
    SlashCommandInfo("redo", "Bring back what was undone", ""),
    SlashCommandInfo("rewind", "Go back to any turn: conversation, files or both", ""),
    SlashCommandInfo("review", "All changes of this session, by file and hunk", ""),
    SlashCommandInfo("commit", "Commit what this session changed", "MESSAGE"),
    SlashCommandInfo("btw", "Ask aside, without touching the context", "QUESTION"),
    SlashCommandInfo("context", "What fills the context window", ""),
    SlashCommandInfo("map", "The map of the code, or of what a question is about", "[QUESTION]"),
    SlashCommandInfo("mode", "What may happen without asking", "[plan|default|acceptEdits|bypassPermissions]"),
    SlashCommandInfo("model", "Choose, pull and remove models", ""),
    SlashCommandInfo("settings", "Change settings", ""),
    SlashCommandInfo("keys", "See and change keys", ""),
    SlashCommandInfo("theme", "Choose colours", ""),
    SlashCommandInfo("copy", "Copy the last answer to the clipboard", ""),
    SlashCommandInfo("quit", "End", ""),
)
