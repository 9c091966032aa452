package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// maxSlotKey bounds the length of a concurrency key, in bytes. Longer ones are hashed.
const maxSlotKey = 200

// slot returns the concurrency key of the request. Values are quoted in it, and a hyphen stands for
// one that is absent, so that two different sets of values never have the same key.
func (j *job) slot(values map[string]string) ledger.Slot {
	c := j.spec.Concurrency
	if c == nil {
		return ledger.Slot{}
	}
	slot := ledger.Slot{Key: j.name, Limit: c.Limit, Overflow: ledger.Overflow(c.Overflow)}
	if len(j.key) == 0 {
		return slot
	}
	var key strings.Builder
	for _, p := range j.key {
		switch value, given := values[p.parameter]; {
		case p.parameter == "":
			key.WriteString(p.literal)
		case given:
			key.WriteString(strconv.Quote(value))
		default:
			key.WriteString("-")
		}
	}
	text := key.String()
	if len(text) > maxSlotKey {
		hash := sha256.Sum256([]byte(text))
		text = hex.EncodeToString(hash[:])
	}
	slot.Key = j.name + "/" + text
	return slot
}
