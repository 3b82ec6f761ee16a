-- Where a channel stands in its life, for queries to filter by: 0 pending, 1 open, 2 closing, 3 closed.
ALTER TABLE court_case ADD COLUMN lifecycle INTEGER NOT NULL DEFAULT 0;
