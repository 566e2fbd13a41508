"""Where commands run: in a sandbox of the kernel's making, under limits; knows no tool and no session."""
