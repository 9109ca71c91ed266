-- Queries that lead a lake astray which leaves segments unread: same.py --queries pruning.sql.
--
-- Segments are skipped by their index of observables and by the least and greatest values of their
-- columns. Each query here is answered wrongly by some mistake in that: a condition taken for
-- certain that stands below OR or NOT, an absent value taken for one, cut-off statistics, an edge
-- taken for outside. The values are planted by palisade-events (seed 1).

-- 1 an observable
SELECT _source, _record FROM events WHERE array_has(_observables, 'ip:100.92.130.248')

-- 2 not an observable
SELECT count(*) AS n FROM events WHERE NOT array_has(_observables, 'ip:100.92.130.248')

-- 3 an observable or something else
SELECT _source, _record FROM events WHERE array_has(_observables, 'ip:100.92.130.248') OR (_shape = 'windows/sysmon/1' AND _time < '2025-01-02T00:00:00Z')

-- 4 one observable or another
SELECT _source, _record FROM events WHERE array_has(_observables, 'ip:100.92.130.248') OR array_has(_observables, 'domain:r2gvfqzm.static.example.net')

-- 5 one observable and another
SELECT _source, _record FROM events WHERE array_has(_observables, 'ip:100.92.130.248') AND array_has(_observables, 'sid:S-1-5-18')

-- 6 an observable that is nowhere, and none
-- empty
SELECT _source, _record FROM events WHERE array_has(_observables, 'ip:203.0.113.1')

-- 7 an observable that is nowhere, or all others
SELECT count(*) AS n FROM events WHERE array_has(_observables, 'ip:203.0.113.1') OR _record > 0

-- 8 an observable as a value
SELECT array_has(_observables, 'sid:S-1-5-18') AS system, count(*) AS n FROM events GROUP BY array_has(_observables, 'sid:S-1-5-18')

-- 9 an observable in CASE
SELECT sum(CASE WHEN array_has(_observables, 'ip:100.92.130.248') THEN 1 ELSE 0 END) AS there, count(*) AS n FROM events

-- 10 an observable in FILTER
SELECT count(*) FILTER (WHERE array_has(_observables, 'ip:100.92.130.248')) AS there, count(*) AS n FROM events

-- 11 double negation
SELECT _source, _record FROM events WHERE NOT (NOT array_has(_observables, 'ip:100.92.130.248'))

-- 12 compared with a truth value
SELECT count(*) AS n FROM events WHERE array_has(_observables, 'ip:100.92.130.248') = false

-- 13 is not true
SELECT count(*) AS n FROM events WHERE array_has(_observables, 'ip:100.92.130.248') IS NOT TRUE

-- 14 on the optional side of a join
SELECT a.v AS value, count(e._record) AS n FROM (VALUES (1), (2)) AS a(v) LEFT JOIN events e ON array_has(e._observables, 'ip:100.92.130.248') AND a.v = 1 GROUP BY a.v

-- 15 in one branch of UNION ALL
SELECT 'there' AS what, count(*) AS n FROM events WHERE array_has(_observables, 'ip:100.92.130.248') UNION ALL SELECT 'all' AS what, count(*) AS n FROM events

-- 16 above a limit: the first rows are chosen before the condition
SELECT count(*) AS n FROM (SELECT _observables FROM events ORDER BY _time, _source, _record LIMIT 5000) AS t WHERE array_has(_observables, 'sid:S-1-5-18')

-- 17 above a window
SELECT place FROM (SELECT _observables, row_number() OVER (ORDER BY _time, _source, _record) AS place FROM events) AS t WHERE array_has(_observables, 'ip:100.92.130.248')

-- 18 above a group
SELECT o, n FROM (SELECT unnest(_observables) AS o, 1 AS n FROM events WHERE _shape = 'windows/sysmon/22') AS t WHERE o = 'domain:r2gvfqzm.static.example.net'

-- 19 a value of another case than the canonical one
-- empty
SELECT _source, _record FROM events WHERE array_has(_observables, 'sid:s-1-5-18')

-- 20 an observable without its kind
-- empty
SELECT _source, _record FROM events WHERE array_has(_observables, '100.92.130.248')

-- 21 negated in a subquery
SELECT count(*) AS n FROM events WHERE _host NOT IN (SELECT _host FROM events WHERE array_has(_observables, 'ip:100.92.130.248') AND _host IS NOT NULL)

-- 22 no time at all
SELECT count(*) AS n, count(_time) AS given FROM events WHERE _time IS NULL

-- 23 no time, or a late one
SELECT count(*) AS n FROM events WHERE _time IS NULL OR _time >= '2025-12-31T00:00:00Z'

-- 24 exactly the least and the greatest time
SELECT count(*) AS n FROM events WHERE _time = (SELECT min(_time) FROM events) OR _time = (SELECT max(_time) FROM events)

-- 25 at the greatest time and beyond
SELECT count(*) AS n FROM events WHERE _time >= (SELECT max(_time) FROM events)

-- 26 a long text that begins like others: statistics are cut
SELECT count(*) AS n, count(DISTINCT CommandLine) AS lines FROM windows_sysmon WHERE CommandLine > '"C:\Windows\System32\svchost.exe" -k netsvcs -p -s Winmgmt'

-- 27 a long text, equal
SELECT count(*) AS n FROM windows_sysmon WHERE CommandLine = (SELECT max(CommandLine) FROM windows_sysmon)

-- 28 least and greatest of long texts
SELECT min(CommandLine) AS least, max(CommandLine) AS greatest, min(TargetFilename) AS file, max(CallTrace) AS trace FROM windows_sysmon

-- 29 letters beyond ASCII
SELECT Company, Product, count(*) AS n FROM windows_sysmon WHERE Product = 'Microsoft® Windows® Operating System' OR Product > 'Microsoft©' GROUP BY Company, Product

-- 30 a column that some segments lack
SELECT count(*) AS n, count(QueryName) AS names FROM windows_sysmon WHERE QueryName IS NULL OR QueryName <> 'x'

-- 31 NOT IN with a value that is everywhere
SELECT EventID, count(*) AS n FROM windows_security WHERE EventID NOT IN (4624) GROUP BY EventID

-- 32 a number in a text column
SELECT count(*) AS n FROM windows_sysmon WHERE DestinationPort = '443'

-- 33 first and last rows, ties broken
SELECT * FROM (SELECT _time, _source, _record FROM events ORDER BY _time DESC NULLS LAST, _source DESC, _record DESC LIMIT 7) AS a UNION ALL SELECT * FROM (SELECT _time, _source, _record FROM events ORDER BY _time NULLS LAST, _source, _record LIMIT 7) AS b

-- 34 top by another column, offset
SELECT _record, _source, _time FROM events ORDER BY _record DESC, _source DESC LIMIT 10 OFFSET 25

-- 35 counts without a column, by statistics alone
SELECT count(*) AS n, min(_record) AS first, max(_record) AS last, min(_offset) AS o, max(_flags) AS f FROM events

-- 36 the digest and the vector
SELECT _vector, count(DISTINCT _digest) AS n FROM events GROUP BY _vector

-- 37 _rest
SELECT _shape, count(_rest) AS n, min(_rest) AS least, max(length(_rest)) AS longest FROM events GROUP BY _shape

-- 38 addresses of the envelope and of the record
SELECT count(*) AS n FROM windows_sysmon WHERE (_dst_ip IS DISTINCT FROM DestinationIp) AND EventID = 3
