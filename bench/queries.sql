-- Thirty queries that Palisade's hunt and DuckDB have to answer alike: same.py runs them.
--
-- One text for both. Where the dialects differ, the query itself stays in words both know, and
-- what is left is said in a line `-- duckdb: THIS => THAT`, a plain replacement made for DuckDB.
-- What the words avoid, so that no replacement is needed:
--   * `/` of two integers (an integer here, a float in DuckDB): one side is cast to double;
--   * a backslash in LIKE (an escape here, a plain character in DuckDB): the end of a path is
--     compared with right();
--   * upper-case function names: `hunt` takes names as they are written.
-- Wherever LIMIT stands, ORDER BY is total, and says where NULL goes.
-- `-- empty` allows a query to find nothing.

-- 1 filter on two columns
SELECT _time, _host, Image, CommandLine FROM windows_sysmon WHERE EventID = 1 AND User = 'NT AUTHORITY\SYSTEM' AND right(lower(Image), 11) = 'svchost.exe' AND _time < '2025-01-08T00:00:00Z'

-- 2 a range of time, half open
SELECT _shape, _source, _record, _offset FROM events WHERE _time >= '2025-03-10T08:00:00Z' AND _time < '2025-03-10T20:00:00Z'

-- 3 LIKE in the middle of a text
SELECT _time, _record, CommandLine FROM windows_sysmon WHERE CommandLine LIKE '%delete shadows%' OR CommandLine LIKE 'wevtutil%'

-- 4 ILIKE and NOT LIKE
SELECT QueryName, count(*) AS n FROM windows_sysmon WHERE EventID = 22 AND QueryName ILIKE '%.SHOP.EXAMPLE.NET' AND QueryName NOT LIKE 's______.%' GROUP BY QueryName

-- 5 IN a list
SELECT EventID, count(*) AS n FROM windows_security WHERE EventID IN (4624, 4625, 4688, 9999) GROUP BY EventID

-- 6 BETWEEN, and text compared as a number
SELECT _record, DestinationPort FROM windows_sysmon WHERE EventID = 3 AND CAST(DestinationPort AS INT) BETWEEN 400 AND 450 AND _time < '2025-01-15T00:00:00Z'

-- 7 count, min and max by shape
SELECT _shape, count(*) AS n, min(_time) AS first, max(_time) AS last, min(_host) AS host, max(_record) AS record FROM events GROUP BY _shape

-- 8 distinct counts
SELECT count(DISTINCT _host) AS hosts, count(DISTINCT _user) AS users, count(DISTINCT _dst_ip) AS addresses, count(_dst_ip) AS given, count(*) AS n FROM events

-- 9 HAVING
SELECT DestinationIp, count(*) AS n, count(DISTINCT _host) AS hosts FROM windows_sysmon WHERE EventID = 3 GROUP BY DestinationIp HAVING count(DISTINCT _host) > 30 AND count(*) < 500

-- 10 the most frequent, ties broken
SELECT Image, count(*) AS n FROM windows_sysmon WHERE EventID = 1 GROUP BY Image ORDER BY n DESC, Image NULLS LAST LIMIT 25

-- 11 histogram by day
SELECT date_trunc('day', _time) AS day, count(*) AS n FROM events WHERE _time >= '2025-06-01T00:00:00Z' AND _time < '2025-07-01T00:00:00Z' GROUP BY date_trunc('day', _time)

-- 12 histogram by hour and table
SELECT date_trunc('hour', _time) AS hour, split_part(_shape, '/', 2) AS what, count(*) AS n FROM events WHERE _time >= '2025-09-01T00:00:00Z' AND _time < '2025-09-04T00:00:00Z' GROUP BY 1, 2

-- 13 parts of a time
SELECT extract(dow FROM _time) AS weekday, extract(hour FROM _time) AS hour, count(*) AS n FROM windows_security WHERE EventID = 4624 GROUP BY 1, 2

-- 14 NULL: IS NULL, coalesce, count of a column
SELECT _shape, coalesce(_user, '(nobody)') = '(nobody)' AS nobody, count(*) AS n, count(_src_ip) AS sources FROM events WHERE _dst_ip IS NULL GROUP BY 1, 2

-- 15 NULL in comparisons
SELECT EventID, count(*) AS n FROM windows_sysmon WHERE NOT (DestinationHostname = '-') OR DestinationHostname IS DISTINCT FROM '-' GROUP BY EventID

-- 16 CASE and conditional sums
SELECT _host, sum(CASE WHEN EventID = 4625 THEN 1 ELSE 0 END) AS failed, sum(CASE WHEN EventID = 4624 THEN 1 ELSE 0 END) AS ok, count(*) FILTER (WHERE LogonType = '10') AS remote FROM windows_security GROUP BY _host HAVING sum(CASE WHEN EventID = 4625 THEN 1 ELSE 0 END) > 5

-- 17 averages and deviations: floats
SELECT EventID, avg(CAST(length(Image) AS double)) AS mean, stddev(CAST(length(Image) AS double)) AS deviation, sum(CAST(length(Image) AS double)) / count(*) AS again FROM windows_sysmon GROUP BY EventID

-- 18 functions of text
SELECT lower(Hostname) AS host, upper(substr(Hostname, 1, 3)) AS kind, replace(Hostname, '.corp.example.test', '') AS short, length(Hostname) AS letters, strpos(Hostname, '.') AS dot, concat(_shape, '@', Hostname) AS joined FROM windows_powershell WHERE _time < '2025-02-01T00:00:00Z'

-- 19 regular expressions
-- duckdb: regexp_like( => regexp_matches(
SELECT regexp_replace(CommandLine, '[0-9a-f]{8}-[0-9a-f-]{27}', 'GUID') AS command, count(*) AS n FROM windows_sysmon WHERE EventID = 1 AND regexp_like(CommandLine, '--session [{]') GROUP BY 1

-- 20 lists: has, length
SELECT _shape, count(*) AS n, min(array_length(_observables)) AS fewest, max(array_length(_observables)) AS most FROM events WHERE array_has(_observables, 'host:wks-1234.corp.example.test') GROUP BY _shape

-- 21 lists: one row for each element
SELECT split_part(o, ':', 1) AS kind, count(*) AS n, count(DISTINCT o) AS distinct_values FROM (SELECT unnest(_observables) AS o FROM events WHERE _time >= '2025-05-05T00:00:00Z' AND _time < '2025-05-12T00:00:00Z') AS each GROUP BY 1

-- 22 a join of two tables on the process
SELECT p.Image AS program, n.DestinationIp AS address, count(*) AS times FROM windows_sysmon p JOIN windows_sysmon n ON p.ProcessGuid = n.ProcessGuid WHERE p.EventID = 1 AND n.EventID = 3 AND p._time < '2025-04-01T00:00:00Z' GROUP BY p.Image, n.DestinationIp

-- 23 a left join that leaves NULL
SELECT c._record, c.User, e._record AS ended FROM windows_sysmon c LEFT JOIN windows_sysmon e ON c.ProcessGuid = e.ProcessGuid AND e.EventID = 5 WHERE c.EventID = 1 AND c._time < '2025-01-06T00:00:00Z'

-- 24 events and findings
SELECT f.title, e._host, count(*) AS events FROM findings f JOIN events e ON e._host = f.host WHERE e._time >= '2025-10-01T00:00:00Z' AND e._time < '2025-10-08T00:00:00Z' GROUP BY f.title, e._host

-- 25 EXISTS and NOT EXISTS
SELECT s._host, count(*) AS failed FROM windows_security s WHERE s.EventID = 4625 AND EXISTS (SELECT 1 FROM windows_powershell p WHERE p._host = s._host) AND NOT EXISTS (SELECT 1 FROM windows_sysmon y WHERE y._host = s._host AND y.EventID = 1 AND y.CommandLine LIKE '%delete shadows%') GROUP BY s._host

-- 26 window: the first of each, and the time since the one before
SELECT * FROM (SELECT _host, _time, CommandLine, row_number() OVER (PARTITION BY _host ORDER BY _time, _source, _record) AS place, lag(_time) OVER (PARTITION BY _host ORDER BY _time, _source, _record) AS earlier FROM windows_sysmon WHERE EventID = 1) AS t WHERE place <= 2

-- 27 window: running sums and ranks over groups
SELECT day, n, sum(n) OVER (ORDER BY day) AS so_far, rank() OVER (ORDER BY n DESC, day) AS place FROM (SELECT date_trunc('day', _time) AS day, count(*) AS n FROM events WHERE _time IS NOT NULL GROUP BY 1) AS days

-- 28 common table expressions
WITH busy AS (SELECT _host, count(*) AS n FROM events GROUP BY _host ORDER BY n DESC, _host NULLS LAST LIMIT 10), logons AS (SELECT _host, TargetUserName, count(*) AS n FROM windows_security WHERE EventID = 4624 GROUP BY _host, TargetUserName) SELECT b._host, b.n, l.TargetUserName, l.n AS logons FROM busy b JOIN logons l ON l._host = b._host WHERE l.n > 1

-- 29 UNION ALL, EXCEPT and INTERSECT
SELECT 'only network' AS what, _host FROM (SELECT _host FROM windows_sysmon WHERE EventID = 3 AND _time < '2025-01-03T00:00:00Z' EXCEPT SELECT _host FROM windows_security WHERE _time < '2025-01-03T00:00:00Z') AS a UNION ALL SELECT 'both' AS what, _host FROM (SELECT _host FROM windows_sysmon WHERE _time < '2025-01-02T00:00:00Z' INTERSECT SELECT _host FROM windows_security WHERE _time < '2025-01-03T00:00:00Z') AS b

-- 30 names with dots, grouped with totals
SELECT "eventSource", "userIdentity.userName" AS who, count(*) AS n FROM aws_cloudtrail WHERE _time < '2025-07-01T00:00:00Z' GROUP BY ROLLUP ("eventSource", "userIdentity.userName") HAVING count(*) > 2
