"""The inference engine on llama.cpp's low-level API; runs inside the runner process only."""
