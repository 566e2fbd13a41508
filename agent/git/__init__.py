"""All access to git: nothing that a repository's settings name is ever run; knows no front end."""
