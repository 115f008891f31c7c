-- Every call on the commands, as one atomic step. Times are in microseconds.
--
--   cmd              stream   what other programs push, until a call takes it in
--   cmd:count        number   places and tokens, each given once
--   cmd:id:ID        hash     a command, waiting or dead
--   cmd:all          zset     ids by place: the queue in its order
--   cmd:for:SERVER   zset     ids by place: the commands of one server
--   cmd:ready        zset     ids by place: first of their server, never leased
--   cmd:later        zset     ids by time: first of their server, held or delayed until then
--   cmd:dead         zset     ids by place: the dead in the order of their death
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

-- Puts a command behind all others, as if it had come at that time.
local function join(id, at)
  call('HSET', of(id), 'at', at, 'attempts', 0, 'held', 0)
  local place = count()
  local lane = lane(call('HGET', of(id), 'for'))
  call('ZADD', 'cmd:all', place, id)
  call('ZADD', lane, place, id)
  if first(lane) == id then
    call('ZADD', 'cmd:ready', place, id)
  end
end

-- Takes a command out of the queue, and lets the next of its server go.
local function leave(id)
  local lane = lane(call('HGET', of(id), 'for'))
  local was_first = first(lane) == id
  for _, zset in ipairs({'cmd:all', 'cmd:ready', 'cmd:later', lane}) do
    call('ZREM', zset, id)
  end
  local next = was_first and first(lane)
  if next then
    call('ZADD', 'cmd:ready', call('ZSCORE', 'cmd:all', next), next)
  end
end

local function add(id, command, at)
  call('HSET', of(id), 'id', id, 'cmd', command.cmd or '', 'for', command['for'] or '')
  for _, name in ipairs({'args', 'by'}) do
    if command[name] then
      call('HSET', of(id), name, command[name])
    end
  end
  join(id, at)
end

-- Adds what other programs have pushed.
local function take_in()
  repeat
    local entries = call('XRANGE', 'cmd', '-', '+', 'COUNT', 100)
    for _, entry in ipairs(entries) do
      local command = fields(entry[2])
      local id = (command.id or ''):match('^[%w._:-]+$') or entry[1]
      if call('EXISTS', of(id)) == 0 then
        add(id, command, entry[1]:match('^%d+') * 1000)
      end
      call('XDEL', 'cmd', entry[1])
    end
  until #entries == 0
end

local function row(id)
  return {call('HGETALL', of(id)), now}
end

-- Whether a lease is the newest of its command, and was not given back.
local function is_held(id, token)
  local found = call('HMGET', of(id), 'held', 'token')
  return found[1] == '1' and found[2] == token
end

local calls = {}

function calls.push(id, ...)
  take_in()
  if call('EXISTS', of(id)) == 1 then
    return id
  end
  local wish = fields({...})
  local newest = call('ZREVRANGE', lane(wish['for']), 0, 0)[1]
  if newest then
    local other = call('HMGET', of(newest), 'attempts', 'cmd', 'args', 'by')
    if other[1] == '0' and other[2] == wish.cmd
      and other[3] == (wish.args or false) and other[4] == (wish.by or false) then
      return newest
    end
  end
  add(id, wish, now)
  return id
end

function calls.lease(duration)
  take_in()
  local id = call('ZRANGEBYSCORE', 'cmd:later', '-inf', now, 'LIMIT', 0, 1)[1]
    or first('cmd:ready')
  if not id then
    return false
  end
  local due = now + duration
  call('HINCRBY', of(id), 'attempts', 1)
  call('HSET', of(id), 'held', 1, 'token', count(), 'due', due)
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

function calls.release(id, token, after, why)
  if calls.extend(id, token, after) == 0 then
    return 0
  end
  call('HSET', of(id), 'held', 0, 'err', why)
  return 1
end

function calls.bury(id, token, why)
  if not is_held(id, token) then
    return 0
  end
  leave(id)
  call('HSET', of(id), 'held', 0, 'dead', 1, 'err', why)
  return call('ZADD', 'cmd:dead', count(), id)
end

function calls.due()
  if call('EXISTS', 'cmd:ready') == 1 or call('XLEN', 'cmd') > 0 then
    return 0
  end
  local later = call('ZRANGE', 'cmd:later', 0, 0, 'WITHSCORES')
  return later[2] and math.max(0, later[2] - now)
end

function calls.get(id)
  take_in()
  return call('EXISTS', of(id)) == 1 and row(id)
end

function calls.list()
  take_in()
  local rows = {}
  for _, zset in ipairs({'cmd:all', 'cmd:dead'}) do
    for _, id in ipairs(call('ZRANGE', zset, 0, -1)) do
      rows[#rows + 1] = row(id)
    end
  end
  return rows
end

function calls.retry(id)
  if call('ZREM', 'cmd:dead', id) == 0 then
    return 0
  end
  call('HDEL', of(id), 'dead', 'due', 'err')
  join(id, now)
  return 1
end

function calls.remove(id)
  take_in()
  local found = call('HMGET', of(id), 'held', 'due')
  if found[1] == '1' and tonumber(found[2]) > now then
    return 0
  end
  if call('ZREM', 'cmd:dead', id) == 0 and found[1] then
    leave(id)
  end
  return call('DEL', of(id))
end

-- Messages that may be lost: each stream keeps the newest, roughly.
function calls.send(stream, text)
  return call('XADD', stream, 'MAXLEN', '~', 3000, '*', stream, text)
end

-- The newest entry of a stream, to be read on from; in an empty one it says nothing.
function calls.newest(stream)
  local newest = call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return newest and newest[1] or call('XADD', stream, '*', 'null', '')
end

return calls[ARGV[1]](unpack(ARGV, 2))
