-- Whom an affiliate has referred: who has referred a party stands in its rules.
CREATE INDEX parties_by_referrer ON parties (network_id, kind, {json:rules|referrer.affiliate}, party_id)
  WHERE {json:rules|referrer.affiliate} IS NOT NULL;
