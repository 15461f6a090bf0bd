-- Conversations whose answer waits for a look-up: found again after an end by force.
CREATE INDEX conversations_looking ON conversations (id) WHERE instr(body, '"looking":[') > 0;
