"""The daemon of a work machine: claims runs that it can satisfy and looks after their agents, over HTTP only."""
