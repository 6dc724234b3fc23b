"""The demonstration: a real coordinator, a real runner, a scripted agent; every claim is checked where it is made."""
