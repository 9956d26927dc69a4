CREATE TABLE users (
    id text PRIMARY KEY,
    name text NOT NULL UNIQUE,
    password text NOT NULL,
    admin boolean NOT NULL
);

CREATE TABLE todos (
    id text PRIMARY KEY,
    owner text NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    title text NOT NULL,
    done boolean NOT NULL
);
