-- Lists of postings by day, from any place in them.
CREATE INDEX postings_by_day ON postings (network_id, posting_day, entry_id, posting_no);
