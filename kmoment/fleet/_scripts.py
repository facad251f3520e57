"""What runs inside Redis. Each script has one key, so it runs on a cluster too.

A script may come twice, if this program stalled and did not see the first answer: so the second
copy finds what the first has written, and answers as the first did.

Times are the server's, in microseconds. No script knows a rule: the rules are in ``_policies``.
"""

from typing import Final

_NOW: Final = """
local time = redis.call('TIME')
local now = string.format('%d%06d', time[1], time[2])
"""

SWAP: Final = f"""{_NOW}
local found = redis.call('HMGET', KEYS[1], 'version', 'state', 'at')
if found[1] == ARGV[2] then
  return {{now}}
end
if (found[1] or '') ~= ARGV[1] then
  return {{now, found[1] or '', found[2] or '', found[3] or ''}}
end
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'version', ARGV[2], 'state', ARGV[3], 'at', now)
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return {{now}}
"""
"""Write a state, if the version is still the one that was read; else return what is there.

Arguments: the version that was read (empty: none), a new version, a state (empty: only compare),
milliseconds to keep it.
"""

POST: Final = f"""{_NOW}
redis.call('HSET', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {{now, redis.call('HGETALL', KEYS[1])}}
"""
"""Write one field of the board with the time, and return all.

Arguments: the field, its value, milliseconds to keep the board.
"""

LOCK: Final = """
local found = redis.call('GET', KEYS[1]) or ''
if found ~= '' and found ~= ARGV[1] and string.sub(found, 1, 5) ~= 'free:' then
  return {0, found}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, found}
"""
"""Take a lock, if it is free; return who holds it, or who gave it back a short time ago.

Arguments: the holder's token, which is used for one lock only, and milliseconds until the lock ends
by itself.
"""

RENEW: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
"""Keep a lock for longer, if it is still the caller's.

Arguments: the holder's token, milliseconds until the lock ends by itself.
"""

UNLOCK: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
"""Give a lock back, if it is still the caller's, and leave a note of who had it.

Arguments: the holder's token, the note, milliseconds to keep the note.
"""
