"""standardwebhooks verifies deliveries: `webhooks_judge.py SECRET`, each a line `{"headers": …, "body": …}` of its input."""
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook(sys.argv[1])
genuine = 0
for line in sys.stdin:
    delivery = json.loads(line)
    event = webhook.verify(delivery["body"], delivery["headers"])
    assert event["type"] == "invoice.approved", event
    assert delivery["headers"]["webhook-id"].endswith(f"_{event['id']}"), delivery
    genuine += 1
    for body, headers in [
        (delivery["body"].replace("approved", "paid"), delivery["headers"]),
        (delivery["body"], {**delivery["headers"], "webhook-id": "evt_1_9999"}),
    ]:
        try:
            webhook.verify(body, headers)
        except WebhookVerificationError:
            continue
        raise AssertionError("what was changed on the way passes for genuine")
print(f"{genuine} are genuine")
