-- parameters: {"id": 790}
SELECT word FROM kept WHERE slow(id) = %(id)s ORDER BY slow(id) LIMIT 1;
