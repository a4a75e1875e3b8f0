"""pycake lists bills, marks one paid and reads the reference lists: `pycake_judge.py HOST KEY AFFILIATE_KEY`."""
import sys

from pycake.api import AdminAPI, AffiliateAPI

host, key, affiliate_key = sys.argv[1:]
admin = AdminAPI(admin_domain=host, api_key=key, use_https=False)


def equal(found, expected, what):
    assert found == expected, f"{what}: {found!r}, not {expected!r}"


def bills(**more):
    found = admin.export_affiliate_bills("2024-01-01", "2024-02-01", **more)
    equal(found["success"], True, "bills")
    equal(found["row_count"], len(found["affiliate_bills"]), "bills counted")
    return found["affiliate_bills"]


first, second = bills()
equal(first["affiliate"], {"affiliate_id": 1, "affiliate_name": "Affiliate 1"}, "affiliate")
equal((first["bill_id"], second["bill_id"]), (1, 2), "ids")
equal(first["bill_amount"]["amount"], 12.5, "amount")
equal(bills(paid_only="TRUE"), [], "paid bills")

# pycake has no method of its own for marks; this is how all of its methods call.
url = f"http://{host}/api/1/accounting.asmx/MarkAffiliateBillAsPaid"
mark = {
    "api_key": key, "bill_id": 1, "payment_type_id": "2", "invoice_number": "F 1",
    "verification_code": "tx", "payment_date": "2024-02-10", "notes": "",
}
equal(admin._make_api_call(url=url, params=mark), {"success": True, "message": "Affiliate Payment Added"}, "mark")
equal(admin._make_api_call(url=url, params=mark)["message"], "Affiliate Payment Updated", "mark again")
paid, = bills(paid_only="TRUE")
equal((paid["bill_id"], paid["verification_code"], paid["sent_payment"]), (1, "tx", "yes"), "paid bill")
equal(bills(payment_type_id="2")[0]["bill_id"], 1, "bills by payment type")

receivable = admin.export_advertiser_bills("2024-01-01", "2024-02-01")
equal((receivable["row_count"], receivable["advertiser_bills"]), (0, []), "advertiser bills")

equal(admin.get_billing_cycles()["billing_cycles"][2], {"billing_cycle_id": 3, "billing_cycle_name": "Net 30"}, "cycles")
equal(admin.get_payment_types()["payment_types"][1], {"payment_type_id": 2, "payment_type_name": "PayPal"}, "types")
equal(len(admin.get_payment_settings()["payment_settings"]), 3, "settings")
equal([c["currency_abbr"] for c in admin.get_currencies()["currencies"]], ["USD", "EUR", "GBP"], "currencies")
rates = admin.get_exchange_rates("2024-01-01", "2024-01-31")["exchange_rates"]
equal([(r["base_currency"]["currency_abbr"], r["rate"]) for r in rates], [("EUR", 1.1012)], "rates")

own = AffiliateAPI(admin_domain=host, affiliate_id=1, api_key=affiliate_key, use_https=False)
equal([(b["bill_id"], b["date_paid"]) for b in own.bills()["bills"]], [(1, "2024-02-10T00:00:00")], "own bills")

unknown = AdminAPI(admin_domain=host, api_key="nobody's", use_https=False)
equal(unknown.get_currencies()["message"], "Invalid API Key", "unknown key")
print("pycake is content")
