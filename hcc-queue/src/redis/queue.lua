-- All calls on the commands, each one atomic. Times are in microseconds.
--
--   cmd              stream   pushes of other programs, until the next call imports them
--   cmd:count        number   the last position or token; each is used once
--   cmd:id:ID        hash     a command, waiting or dead
--   cmd:all          zset     ids by position: the queue in its order
--   cmd:for:SERVER   zset     ids by position: the commands of one server
--   cmd:ready        zset     ids by position: first of their server, not leased, no delay
--   cmd:later        zset     ids by time: first of their server, leased or delayed until then
--   cmd:delayed      zset     ids by time: pushed with a delay, not first of their server
--   cmd:dead         zset     ids by position: the dead letters in the order of their death
--   cmd:workers      hash     how often each worker has renewed its presence
--   msg, evt         stream   signals and events

local call = redis.call
local time = call('TIME')
local now = time[1] * 1000000 + time[2]

local function of(id)
  return 'cmd:id:' .. id
end

local function lane(server)
  return 'cmd:for:' .. server
end

local function first(zset)
  return call('ZRANGE', zset, 0, 0)[1]
end

local function count()
  return call('INCR', 'cmd:count')
end

-- A table of a list that alternates names and values.
local function fields(list)
  local found = {}
  for i = 1, #list, 2 do
    found[list[i]] = list[i + 1]
  end
  return found
end

-- Makes the first command of a server available, at once or after its delay.
local function advance(id)
  local due = tonumber(call('HGET', of(id), 'due'))
  if due then
    call('ZREM', 'cmd:delayed', id)
    call('ZADD', 'cmd:later', due, id)
  else
    call('ZADD', 'cmd:ready', call('ZSCORE', 'cmd:all', id), id)
  end
end

-- Adds a command to the end of the queue, pushed at that time.
local function join(id, at, due)
  call('HSET', of(id), 'at', at, 'attempts', 0, 'held', 0)
  local position = count()
  local lane = lane(call('HGET', of(id), 'for'))
  call('ZADD', 'cmd:all', position, id)
  call('ZADD', lane, position, id)
  if due then
    call('HSET', of(id), 'due', due)
    call('ZADD', 'cmd:delayed', due, id)
  end
  if first(lane) == id then
    advance(id)
  end
end

-- Removes a command from the queue, and makes the next one of its server available.
local function leave(id)
  local lane = lane(call('HGET', of(id), 'for'))
  local was_first = first(lane) == id
  for _, zset in ipairs({'cmd:all', 'cmd:ready', 'cmd:later', 'cmd:delayed', lane}) do
    call('ZREM', zset, id)
  end
  local next = was_first and first(lane)
  if next then
    advance(next)
  end
end

local function add(id, command, at, due)
  call('HSET', of(id), 'id', id, 'cmd', command.cmd or '', 'for', command['for'] or '')
  for _, name in ipairs({'args', 'by'}) do
    if command[name] then
      call('HSET', of(id), name, command[name])
    end
  end
  join(id, at, due)
end

-- Imports the pushes of other programs.
local function import()
  repeat
    local entries = call('XRANGE', 'cmd', '-', '+', 'COUNT', 100)
    for _, entry in ipairs(entries) do
      local command = fields(entry[2])
      local id = (command.id or ''):match('^[%w._:-]+$') or entry[1]
      if call('EXISTS', of(id)) == 0 then
        add(id, command, math.min(entry[1]:match('^%d+') * 1000, now))
      end
      call('XDEL', 'cmd', entry[1])
    end
  until #entries == 0
end

local function row(id)
  return {call('HGETALL', of(id)), now}
end

-- Whether a lease is the newest of its command, and was not released.
local function is_held(id, token)
  local found = call('HMGET', of(id), 'held', 'token')
  return found[1] == '1' and found[2] == token
end

-- Moves a command to the dead letters.
local function kill(id, reason)
  leave(id)
  call('HSET', of(id), 'held', 0, 'dead', 1, 'died', now, 'err', reason)
  return call('ZADD', 'cmd:dead', count(), id)
end

-- Whether the attempts can be counted; other programs may have set the field to anything.
local function is_countable(id)
  local attempts = call('HGET', of(id), 'attempts') or '0'
  return #attempts < 16 and attempts:find('^%d+$')
end

local calls = {}

function calls.push(id, delay, ...)
  import()
  if call('EXISTS', of(id)) == 1 then
    return id
  end
  local command = fields({...})
  local due = tonumber(delay) > 0 and now + delay
  local newest = not due and not command.separate and call('ZREVRANGE', lane(command['for']), 0, 0)[1]
  if newest then
    local other = call('HMGET', of(newest), 'due', 'cmd', 'args', 'by')
    if not other[1] and other[2] == command.cmd
      and other[3] == (command.args or false) and other[4] == (command.by or false) then
      return newest
    end
  end
  add(id, command, now, due)
  return id
end

-- Leases the next command, for a worker if it was announced.
function calls.lease(duration, worker)
  import()
  local id = call('ZRANGEBYSCORE', 'cmd:later', '-inf', now, 'LIMIT', 0, 1)[1]
    or first('cmd:ready')
  if not id then
    return false
  end
  if not is_countable(id) then
    kill(id, 'the number of attempts is not an integer, or too large')
    return calls.lease(duration, worker)
  end
  local due = now + duration
  call('HINCRBY', of(id), 'attempts', 1)
  call('HSET', of(id), 'held', 1, 'token', count(), 'due', due, 'holder', worker or '')
  call('ZREM', 'cmd:ready', id)
  call('ZADD', 'cmd:later', due, id)
  return row(id)
end

function calls.extend(id, token, duration)
  if not is_held(id, token) then
    return 0
  end
  call('HSET', of(id), 'due', now + duration)
  call('ZADD', 'cmd:later', now + duration, id)
  return 1
end

function calls.ack(id, token)
  if not is_held(id, token) then
    return 0
  end
  leave(id)
  return call('DEL', of(id))
end

function calls.release(id, token, delay, reason)
  if calls.extend(id, token, delay) == 0 then
    return 0
  end
  call('HSET', of(id), 'held', 0, 'err', reason)
  return 1
end

function calls.bury(id, token, reason, outcome)
  if not is_held(id, token) then
    return 0
  end
  call('HSET', of(id), 'outcome', outcome)
  return kill(id, reason)
end

function calls.due()
  if call('EXISTS', 'cmd:ready') == 1 or call('XLEN', 'cmd') > 0 then
    return 0
  end
  local later = call('ZRANGE', 'cmd:later', 0, 0, 'WITHSCORES')
  return later[2] and math.max(0, later[2] - now)
end

function calls.get(id)
  import()
  return call('EXISTS', of(id)) == 1 and row(id)
end

function calls.first(server)
  import()
  local id = first(lane(server))
  return id and row(id)
end

-- All, delayed, leased and dead.
function calls.counts()
  import()
  local later = string.format('(%.0f', now)
  local delayed, leased = call('ZCOUNT', 'cmd:delayed', later, '+inf'), 0
  for _, id in ipairs(call('ZRANGEBYSCORE', 'cmd:later', later, '+inf')) do
    if call('HGET', of(id), 'held') == '1' then
      leased = leased + 1
    else
      delayed = delayed + 1
    end
  end
  return {call('ZCARD', 'cmd:all'), delayed, leased, call('ZCARD', 'cmd:dead')}
end

function calls.list(dead, after, limit)
  import()
  local rows = {}
  for _, zset in ipairs(dead == '1' and {'cmd:dead'} or {'cmd:all', 'cmd:dead'}) do
    local found = call(
      'ZRANGEBYSCORE', zset, '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, limit - #rows)
    for i = 1, #found, 2 do
      rows[#rows + 1] = {call('HGETALL', of(found[i])), now, found[i + 1]}
    end
    after = '-inf'
  end
  return rows
end

-- Dead letters before that position, the newest first.
function calls.dead(before, limit)
  local rows = {}
  local found = call(
    'ZREVRANGEBYSCORE', 'cmd:dead', '(' .. before, '-inf', 'WITHSCORES', 'LIMIT', 0, limit)
  for i = 1, #found, 2 do
    rows[#rows + 1] = {call('HGETALL', of(found[i])), now, found[i + 1]}
  end
  return rows
end

function calls.count_dead()
  return call('ZCARD', 'cmd:dead')
end

function calls.retry(id)
  if call('ZREM', 'cmd:dead', id) == 0 then
    return 0
  end
  call('HDEL', of(id), 'dead', 'died', 'due', 'err', 'outcome')
  join(id, now)
  return 1
end

function calls.remove(id)
  import()
  local found = call('HMGET', of(id), 'held', 'due')
  if found[1] == '1' and (tonumber(found[2]) or 0) > now then
    return 0
  end
  if call('ZREM', 'cmd:dead', id) == 0 and found[1] then
    leave(id)
  end
  return call('DEL', of(id))
end

-- Deletes up to 1,000 dead letters that died at least that long ago, or were pushed then
-- if an earlier release has buried them.
function calls.delete_dead(age)
  local deleted = 0
  for _, id in ipairs(call('ZRANGE', 'cmd:dead', 0, 999)) do
    local died = call('HMGET', of(id), 'died', 'at')
    if (tonumber(died[1] or died[2]) or 0) > now - age then
      break
    end
    call('ZREM', 'cmd:dead', id)
    call('DEL', of(id))
    deleted = deleted + 1
  end
  return deleted
end

-- Renews the presence of a worker; returns how often each has. Other programs may be the only
-- ones that send, and do not trim the streams.
function calls.renew(worker)
  for _, stream in ipairs({'msg', 'evt'}) do
    call('XTRIM', stream, 'MAXLEN', '~', 3000)
  end
  call('HINCRBY', 'cmd:workers', worker, 1)
  return call('HGETALL', 'cmd:workers')
end

-- Ends the presence of a worker, and its leases; returns their number.
function calls.leave(worker)
  local ended = 0
  for _, id in ipairs(call('ZRANGEBYSCORE', 'cmd:later', string.format('(%.0f', now), '+inf')) do
    local found = call('HMGET', of(id), 'held', 'holder')
    if found[1] == '1' and found[2] == worker then
      call('HSET', of(id), 'due', now)
      call('ZADD', 'cmd:later', now, id)
      ended = ended + 1
    end
  end
  call('HDEL', 'cmd:workers', worker)
  return ended
end

-- Sends a message; each stream keeps roughly the newest 3,000.
function calls.send(stream, text)
  return call('XADD', stream, 'MAXLEN', '~', 3000, '*', stream, text)
end

-- The entries of a stream that are kept.
function calls.recent(stream)
  return call('XRANGE', stream, '-', '+')
end

-- The id of the newest entry of a stream, which is a marker if it was empty.
function calls.newest(stream)
  local newest = call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return newest and newest[1] or call('XADD', stream, '*', 'null', '')
end

return calls[ARGV[1]](unpack(ARGV, 2))
