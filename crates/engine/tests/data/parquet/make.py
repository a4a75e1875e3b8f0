"""Makes the Parquet files beside this script: `python make.py`, with pyarrow 26.0.1 (from PyPI).

The rows are those of ROWS in tests/parquet.rs, in the types that the name of each file says.
"""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
UTC = dt.timezone.utc

ids = ["p1", "p2", "p3", "p4", "p5", "é6", "p7"]
affiliates = [1, 1, 2, 3, 3, 2, 5]
offers = [1, 2, 1, 1, 4, 1, 1]
status = ["approved", "pending", "rejected", "approved", "hold", "approved", "nonsense"]
payouts = ["10.0000", "2.5050", "0.0001", "-3.0000", "99999.9999", "7.0000", "1.0000"]
revenues = ["12.50", None, "0.00", None, "100000.00", "8.00", "1.00"]
times = [
    dt.datetime(2026, 1, 5, 8, 0, 0),
    dt.datetime(2026, 1, 5, 8, 0, 0, 250000),
    dt.datetime(2025, 12, 31, 23, 59, 59, 999999),
    dt.datetime(2026, 1, 31, 0, 0, 0),
    dt.datetime(2026, 1, 31, 12, 30, 0),
    dt.datetime(2026, 1, 31, 12, 30, 1),
    dt.datetime(2026, 1, 31, 12, 30, 2),
]
sub1 = ["a", None, "", "ü", None, "b", "c"]


def put(name, columns, **options):
    pq.write_table(pa.table(columns), HERE / name, **options)


def base():
    return {
        "conversion_id": pa.array(ids, pa.string()),
        "affiliate_id": pa.array(affiliates, pa.int64()),
        "offer_id": pa.array(offers, pa.int32()),
        "status": pa.array(status, pa.string()).dictionary_encode(),
        "occurred_at": pa.array([t.replace(tzinfo=UTC) for t in times], pa.timestamp("us", tz="UTC")),
        "payout": pa.array([Decimal(p) for p in payouts], pa.decimal128(12, 4)),
        "revenue": pa.array([r and Decimal(r) for r in revenues], pa.decimal128(20, 2)),
        "sub1": pa.array(sub1, pa.large_string()),
    }


def text(values):
    return pa.array(values, pa.string())


# Groups of three rows; columns that no field claims, some of which could not be read for one.
put(
    "typed.parquet",
    base()
    | {
        "score": pa.array([0.5] * 7, pa.float64()),
        "tags": pa.array([["x", "y"]] * 7, pa.list_(pa.string())),
    },
    row_group_size=3,
    compression="snappy",
)
put(
    "text_zstd_v2.parquet",
    {
        "conversion_id": text(ids),
        "affiliate_id": text([str(a) for a in affiliates]),
        "offer_id": text([str(o) for o in offers]),
        "status": text(status),
        "occurred_at": text([t.isoformat() + "Z" for t in times]),
        "payout": text(payouts),
        "revenue": text(revenues),
        "sub1": text(sub1),
    },
    compression="zstd",
    data_page_version="2.0",
    use_dictionary=False,
    column_encoding={"conversion_id": "DELTA_BYTE_ARRAY", "affiliate_id": "DELTA_LENGTH_BYTE_ARRAY"},
)
# Unsigned and small integers, decimals as integers, instants in nanoseconds, gzip.
put(
    "small_gzip.parquet",
    base()
    | {
        "affiliate_id": pa.array(affiliates, pa.uint8()),
        "offer_id": pa.array(offers, pa.uint64()),
        "occurred_at": pa.array([t.replace(tzinfo=UTC) for t in times], pa.timestamp("ns", tz="UTC")),
    },
    compression="gzip",
    store_decimal_as_integer=True,
)
# The old twelve bytes, dates, wide decimals, LZ4; identifiers as decimals without a fraction.
put(
    "old_lz4.parquet",
    base()
    | {
        "affiliate_id": pa.array([Decimal(a) for a in affiliates], pa.decimal128(9, 0)),
        "payout": pa.array([Decimal(p) for p in payouts], pa.decimal256(40, 4)),
        "updated_at": pa.array([dt.date(2026, 2, 1)] * 7, pa.date32()),
    },
    compression="lz4",
    use_deprecated_int96_timestamps=True,
)
# Readings of a clock, without a zone.
put("local.parquet", base() | {"occurred_at": pa.array(times, pa.timestamp("ms"))}, coerce_timestamps="ms", allow_truncated_timestamps=True)
put("floats.parquet", base() | {"payout": pa.array([float(p) for p in payouts], pa.float64())})
put("nested.parquet", base() | {"status": pa.array([[s] for s in status], pa.list_(pa.string()))})
put("empty.parquet", {name: column.slice(0, 0) for name, column in base().items()})
put("many.parquet", {
    "conversion_id": text([f"m{i}" for i in range(10_000)]),
    "affiliate_id": pa.array([1 + i % 5 for i in range(10_000)], pa.int64()),
    "offer_id": pa.array([1] * 10_000, pa.int64()),
    "status": text(["approved"] * 10_000),
    "occurred_at": pa.array([times[0].replace(tzinfo=UTC)] * 10_000, pa.timestamp("s", tz="UTC")),
    "payout": pa.array([None if i % 2 else Decimal(i).scaleb(-2) for i in range(10_000)], pa.decimal128(9, 2)),
}, row_group_size=7_000, compression="zstd", data_page_size=4_096)
