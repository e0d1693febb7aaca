-- parameters: {"id": 42}
SELECT word FROM kept WHERE slow(id) = %(id)s ORDER BY slow(id) LIMIT 1;
