ALTER TABLE todos ADD COLUMN made double precision NOT NULL DEFAULT 0;

CREATE INDEX todos_of_owner ON todos (owner, made);
