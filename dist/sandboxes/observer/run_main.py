# What a process becomes when its own main script is to be observed (see _observer/main_script.py).
# It runs as __main__, whose namespace the script takes over: so it binds no name at all.
__import__("sys").modules["_observer"].run_main_script()
