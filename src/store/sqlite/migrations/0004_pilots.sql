-- Pilots that the customer took part in, as a JSON list; NULL where the rule set had no pilot.
ALTER TABLE decisions ADD COLUMN pilots TEXT;
