"""What the servers beside this sell. A request for `/pay/N` calls `add_item` N times, so a profile of it is easily checked."""

import time


def pay(items: int) -> dict[str, int]:
    return {"items": items, "total": total(items)}


def total(items: int) -> int:
    return sum(add_item(number) for number in range(items))


def add_item(number: int) -> int:
    return number * 3 + 1


def pay_slowly(items: int) -> dict[str, int]:
    time.sleep(0.3)
    return pay(items)
