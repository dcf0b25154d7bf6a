package config

import "hash/fnv"

// shard selects the accounts that a process serves; the zero value selects all.
type shard struct{ index, total int }

// Shard returns the same configuration for one of several processes that divide
// its accounts among them: its Accounts are those of shard index, counted from 0,
// of total shards; there may be none. Every account is in exactly one shard, which
// depends on its name and on total alone. When total grows by one, accounts move
// only to the new shard. A fault of any account is a fault in every shard.
//
// total must be 1 or more, and index from 0 to total-1.
func (c *Config) Shard(index, total int) *Config {
	part := *c
	part.shard = shard{index, total}
	return &part
}

// Sharding returns the arguments of Shard, or 0 and 1 if it was not called.
func (c *Config) Sharding() (index, total int) {
	return c.shard.index, max(c.shard.total, 1)
}

// contains reports whether an account of this name is in the shard.
func (s shard) contains(name string) bool {
	return s.total <= 1 || shardOf(name, s.total) == s.index
}

// shardOf is the shard of an account. Its results must never change: with another
// hash, an account would be polled by both a process of the old release and one of
// the new, or by neither.
func shardOf(name string, total int) int {
	h := fnv.New64a()
	h.Write([]byte(name))
	return jump(h.Sum64(), total)
}

// jump is the jump consistent hash of Lamping and Veach, "A Fast, Minimal Memory,
// Consistent Hash Algorithm", 2014, https://arxiv.org/abs/1406.2294.
func jump(key uint64, buckets int) int {
	b, j := int64(-1), int64(0)
	for j < int64(buckets) {
		b = j
		key = key*2862933555777941757 + 1
		j = int64(float64(b+1) * (float64(1<<31) / float64((key>>33)+1)))
	}
	return int(b)
}
