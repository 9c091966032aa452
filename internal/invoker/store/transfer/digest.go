package transfer

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
)

// digest counts rows and adds up their hashes. Equal digests mean the same rows, in whatever order
// they were read.
type digest struct {
	rows int64
	sum  [4]uint64
}

// add adds a row.
func (d *digest) add(buffer []byte, row []any) []byte {
	buffer = buffer[:0]
	for _, v := range row {
		buffer = appendValue(buffer, v)
	}
	hash := sha256.Sum256(buffer)
	for i := range d.sum {
		d.sum[i] += binary.BigEndian.Uint64(hash[8*i:])
	}
	d.rows++
	return buffer
}

// appendValue appends a value so that no two rows have the same bytes: its kind, its length if that
// varies, and its content.
func appendValue(to []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(to, 'n')
	case int64:
		return binary.BigEndian.AppendUint64(append(to, 'i'), uint64(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(to, 'f'), math.Float64bits(v))
	case string:
		return append(binary.AppendUvarint(append(to, 't'), uint64(len(v))), v...)
	case []byte:
		return append(binary.AppendUvarint(append(to, 'b'), uint64(len(v))), v...)
	}
	return fmt.Appendf(to, "?%T %v", v, v)
}

// String returns the hash.
func (d digest) String() string {
	return fmt.Sprintf("%016x%016x%016x%016x", d.sum[0], d.sum[1], d.sum[2], d.sum[3])
}
