package auth

import (
	"crypto/sha256"
	"sync"
)

// maxVerified bounds the remembered tokens: about 100 bytes each.
const maxVerified = 4096

// verified remembers tokens whose signature was verified, by their hash: a signature costs
// more than everything else. A token counts only for the version of the issuer's keys that
// verified it; its times are checked at each use.
type verified struct {
	mu     sync.Mutex
	tokens map[[sha256.Size]byte]verification
}

type verification struct {
	keys    *keySet
	version int
}

// has reports whether these keys have verified the token.
func (v *verified) has(hash [sha256.Size]byte, keys *keySet) bool {
	version := keys.currentVersion()
	v.mu.Lock()
	defer v.mu.Unlock()
	known, ok := v.tokens[hash]
	return ok && version >= 0 && known == verification{keys, version}
}

// add remembers a token that the version of the keys has verified.
func (v *verified) add(hash [sha256.Size]byte, keys *keySet, version int) {
	if version < 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tokens == nil {
		v.tokens = map[[sha256.Size]byte]verification{}
	}
	for other := range v.tokens { // any one makes room
		if len(v.tokens) < maxVerified {
			break
		}
		delete(v.tokens, other)
	}
	v.tokens[hash] = verification{keys, version}
}
