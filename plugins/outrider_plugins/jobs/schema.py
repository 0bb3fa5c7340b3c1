"""The schema of `jobs.db`, as the steps that lead to it.

Each step is one transaction that also moves `user_version`: killed in the middle, it begins anew.

A job's row is small and changes; what was sent and what came back stand beside it and do not. Only what is
settled is written: that a job is being sent, or belongs to an integration that is not configured any more,
is known to the process that runs. The database keeps count of states, so that nobody counts a million rows.
"""

from __future__ import annotations

MIGRATIONS = (
    """
    CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        integration TEXT NOT NULL,
        client TEXT NOT NULL,
        state TEXT NOT NULL,                -- queued, done, failed, cancelled
        priority INTEGER NOT NULL,          -- 0 is sent first
        queue_key TEXT,
        behind INTEGER NOT NULL,            -- 1: another job of its queue_key goes first
        app_key TEXT,                       -- the app's own idempotency key
        digest BLOB NOT NULL,               -- of what the app sent under it
        key TEXT NOT NULL,                  -- what every delivery carries
        method TEXT NOT NULL,
        target TEXT NOT NULL,
        created REAL NOT NULL,
        due REAL NOT NULL,
        expires REAL,                       -- said by the app
        until REAL NOT NULL,                -- when it is given up
        attempts INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0, -- attempts that reached the provider, and failed
        reason TEXT NOT NULL DEFAULT '',
        finished REAL
    );
    CREATE INDEX jobs_due ON jobs (integration, priority, due, seq) WHERE state = 'queued' AND behind = 0;
    CREATE INDEX jobs_until ON jobs (integration, until) WHERE state = 'queued';
    CREATE INDEX jobs_state ON jobs (integration, state, seq);
    CREATE INDEX jobs_finished ON jobs (integration, state, finished) WHERE finished IS NOT NULL;
    CREATE INDEX jobs_line ON jobs (integration, client, queue_key, seq)
        WHERE queue_key IS NOT NULL AND state = 'queued';
    CREATE UNIQUE INDEX jobs_app_key ON jobs (integration, client, app_key) WHERE app_key IS NOT NULL;
    CREATE TABLE requests (
        seq INTEGER PRIMARY KEY,
        base TEXT NOT NULL,                 -- how the app addressed the integration
        fields BLOB NOT NULL,
        body BLOB,                          -- NULL: in a file of its own
        size INTEGER NOT NULL
    );
    CREATE TABLE responses (
        seq INTEGER PRIMARY KEY,
        status INTEGER NOT NULL,
        fields BLOB NOT NULL,
        body BLOB,                          -- NULL: in a file of its own, or too long to be kept
        size INTEGER NOT NULL               -- -1: too long
    );
    CREATE TABLE attempts (
        seq INTEGER NOT NULL,
        n INTEGER NOT NULL,
        at REAL NOT NULL,
        status INTEGER NOT NULL,            -- 0: no response
        reason TEXT NOT NULL,
        PRIMARY KEY (seq, n)
    ) WITHOUT ROWID;
    CREATE TABLE counts (
        integration TEXT NOT NULL,
        state TEXT NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (integration, state)
    ) WITHOUT ROWID;
    CREATE TRIGGER jobs_counted AFTER INSERT ON jobs BEGIN
        INSERT INTO counts VALUES (new.integration, new.state, 1)
            ON CONFLICT (integration, state) DO UPDATE SET n = n + 1;
    END;
    CREATE TRIGGER jobs_recounted AFTER UPDATE OF state ON jobs WHEN old.state <> new.state BEGIN
        UPDATE counts SET n = n - 1 WHERE integration = old.integration AND state = old.state;
        INSERT INTO counts VALUES (new.integration, new.state, 1)
            ON CONFLICT (integration, state) DO UPDATE SET n = n + 1;
    END;
    CREATE TRIGGER jobs_discounted AFTER DELETE ON jobs BEGIN
        UPDATE counts SET n = n - 1 WHERE integration = old.integration AND state = old.state;
    END;
    """,
    """
    ALTER TABLE jobs ADD COLUMN callback TEXT;
    ALTER TABLE jobs ADD COLUMN callback_due REAL;
    ALTER TABLE jobs ADD COLUMN callback_attempts INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN callback_reason TEXT NOT NULL DEFAULT '';
    CREATE INDEX jobs_callback ON jobs (callback_due) WHERE callback_due IS NOT NULL;
    """,
)
