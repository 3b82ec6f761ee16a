-- Every output of a close has its resolver: what was kept open for want of one goes on with it.

-- The wallet's coins in a transaction of ours: JSON, NULL for none.
ALTER TABLE broadcast ADD COLUMN coins TEXT;

-- An anchor is left; an HTLC is contested until its expiry, by the resolver of its direction; what is a penalty is ours.
UPDATE contract SET detail = CASE detail ->> '$.role'
    WHEN 'Anchor' THEN json_set(detail,
        '$.progress', json('{"Uneconomic":{"reason":"AnchorAlone"}}'))
    WHEN 'Htlc' THEN json_set(detail,
        '$.progress',
            json_object('Contested', json_object('until', detail -> '$.output.Htlc.cltv_expiry')),
        '$.role',
            CASE (detail ->> '$.owner' = 'Local') = (detail ->> '$.output.Htlc.kind' = 'Offered')
                WHEN 1 THEN 'OutgoingContest' ELSE 'IncomingContest' END)
    ELSE json_set(detail, '$.progress', 'Claimable')
    END
    WHERE json_valid(detail) AND detail ->> '$.progress' = 'Unresolved';

-- That an output could not be resolved is no part of its story any more.
DELETE FROM arbitrator_log
    WHERE json_valid(entry) AND entry ->> '$.Contract.progress' = 'Unresolved';

-- 1: no case ends before this subscriber has acknowledged what happened in it.
ALTER TABLE subscriber ADD COLUMN synchronous INTEGER NOT NULL DEFAULT 0;
