package bpe

import "sync"

// Cache remembers the ids of words, because texts repeat them. It is safe for concurrent use, keeps short words only and starts anew when it
// is full, so that it never holds more than a few megabytes.
type Cache struct {
	mu    sync.RWMutex
	words map[string][]int32
}

const (
	cachedWords    = 1 << 14
	cachedWordSize = 32 // bytes
)

// Get returns the ids of a word that was put there. They are not to be changed.
func (c *Cache) Get(word string) ([]int32, bool) {
	if len(word) > cachedWordSize {
		return nil, false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	ids, ok := c.words[word]
	return ids, ok
}

// Put remembers the ids of a word, if it is short.
func (c *Cache) Put(word string, ids []int32) {
	if len(word) > cachedWordSize {
		return
	}
	word = string([]byte(word)) // not the whole text that it is a part of
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.words == nil || len(c.words) >= cachedWords {
		c.words = make(map[string][]int32)
	}
	c.words[word] = ids
}
