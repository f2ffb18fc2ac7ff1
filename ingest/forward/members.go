package forward

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// emptyMember is a gzip stream of nothing, as gzip.Writer makes it. A receiver
// that refuses it refuses whatever is sent.
var emptyMember = []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00")

// joined sets the blocks' gzip members one behind the other.
func joined(blocks []rollup.Block) []byte {
	members := make([][]byte, len(blocks))
	for i, b := range blocks {
		members[i] = b.Lines
	}
	return bytes.Join(members, nil)
}

// memberOf compresses lines.
func memberOf(lines []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(lines)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("forward: compress: %w", err)
	}
	return b.Bytes(), nil
}

// splitMember makes members of at most max bytes of one, line by line. A single
// line that is longer is a member of its own.
func splitMember(member []byte, max int) ([][]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(member))
	if err != nil {
		return nil, err
	}
	lines, err := io.ReadAll(zip)
	if err != nil {
		return nil, err
	}
	return halves(nil, lines, max)
}

// halves appends lines to members, halved until each is small enough.
func halves(members [][]byte, lines []byte, max int) ([][]byte, error) {
	member, err := memberOf(lines)
	if err != nil {
		return nil, err
	}
	middle := lineEnd(lines)
	if len(member) <= max || middle == len(lines) {
		return append(members, member), nil
	}
	if members, err = halves(members, lines[:middle], max); err != nil {
		return nil, err
	}
	return halves(members, lines[middle:], max)
}

// lineEnd returns the end of a line near the middle, the end of all if there is
// but one.
func lineEnd(lines []byte) int {
	half := len(lines) / 2
	if i := bytes.LastIndexByte(lines[:half], '\n'); i >= 0 {
		return i + 1
	}
	if i := bytes.IndexByte(lines[half:], '\n'); i >= 0 {
		return half + i + 1
	}
	return len(lines)
}
