"""Makes functions, calls each once, and forgets it: code objects at the same addresses, with names of the same length."""

import threading


def calls(start):
    number = start
    while True:
        number = number + 1 if number < 99999 else start
        made = {}
        source = "\n" * (number - 1) + f"def made_{number}():\n x = 0\n while x < 3000: x += 1"
        exec(compile(source, f"churn-{number}", "exec"), made)
        made[f"made_{number}"]()


threading.Thread(target=calls, args=(1000,), daemon=True).start()
print("ready", flush=True)
calls(1000)
