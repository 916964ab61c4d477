"""The work of the order workflow: one HTTP call, two SQL statements, and functions.

ORDER_SERVICE is the address of the order service (`service.py`), ORDER_DATABASE the path of the SQLite file. Every
activity may run more than once; `ctx.key` is the same each time, so the service can tell.
"""

import os

import httpx

from itonami.workflow import ActivityContext, activity, http_activity, sql_activity

SERVICE = os.environ.get("ORDER_SERVICE", "http://127.0.0.1:8017")
DATABASE = "sqlite:///" + os.environ.get("ORDER_DATABASE", "inventory.sqlite")

validate_order = http_activity("validate_order", f"{SERVICE}/validate")

reserve_inventory = sql_activity(
    "reserve_inventory",
    DATABASE,
    "UPDATE inventory SET reserved = 1 WHERE order_id = $1",
    expect_rows=1,
)

release_inventory = sql_activity(
    "release_inventory",
    DATABASE,
    "UPDATE inventory SET reserved = 0 WHERE order_id = :orderId",
)


@activity
async def process_payment(order_id: str, amount: float, ctx: ActivityContext) -> dict[str, object]:
    """Charge the customer: the service does so once a key."""
    async with httpx.AsyncClient() as client:
        headers = {"Idempotency-Key": ctx.key}
        body = {"order_id": order_id, "amount": amount}
        answer = await client.post(f"{SERVICE}/pay", json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        paid: dict[str, object] = answer.json()
        return paid


@activity
def cancel_payment(orderId: str, ctx: ActivityContext) -> dict[str, object]:
    """Pay back what was taken."""
    answer = httpx.post(f"{SERVICE}/refund", json={"order_id": orderId}, headers={"Idempotency-Key": ctx.key})
    answer.raise_for_status()
    refunded: dict[str, object] = answer.json()
    return refunded


@activity
def send_confirmation(orderId: str) -> dict[str, object]:
    """Tell the customer."""
    return {"processed": True, "confirmationId": f"CONF-{orderId}"}


@activity
def send_failure_notification(order_id: str, reason: str) -> dict[str, object]:
    """Tell the customer why not."""
    return {"notified": order_id, "reason": reason}
