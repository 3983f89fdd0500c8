// Verifies the log of an archive with the code of Go's checksum database: nothing here was written for Strongroom but
// the reading of files. The formats are C2SP's tlog-tiles, tlog-checkpoint and tlog-proof.
//
//	go run verify.go DIR VKEY [OLD_CHECKPOINT…] [-proof FILE -entry FILE]…
//
// DIR is a file store. One line is printed for each check; the first one that fails ends the run with 1.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	// Leaves whose inclusion is proven one by one; more are evenly spread.
	mostProofs = 2000
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func run(args []string) error {
	var plain, proofs, entries []string
	for len(args) > 0 {
		switch args[0] {
		case "-proof", "-entry":
			if len(args) < 2 {
				return fmt.Errorf("%s needs a file", args[0])
			}
			if args[0] == "-proof" {
				proofs = append(proofs, args[1])
			} else {
				entries = append(entries, args[1])
			}
			args = args[2:]
		default:
			plain = append(plain, args[0])
			args = args[1:]
		}
	}
	if len(plain) < 2 || len(proofs) != len(entries) {
		return errors.New("usage: verify DIR VKEY [OLD_CHECKPOINT…] [-proof FILE -entry FILE]…")
	}
	verifier, err := note.NewVerifier(plain[1])
	if err != nil {
		return fmt.Errorf("vkey: %w", err)
	}
	log := &log{dir: filepath.Join(plain[0], "log"), verifier: verifier}
	steps := []func() error{log.readCheckpoints, log.readBundles, log.checkTiles, log.checkRoot, log.checkRecords}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	if err := log.checkOlder(plain[2:]); err != nil {
		return err
	}
	for at := range proofs {
		if err := log.checkProof(proofs[at], entries[at]); err != nil {
			return fmt.Errorf("%s: %w", proofs[at], err)
		}
	}
	return nil
}

// A checkpoint is the text of a note: origin, size and root, three lines and nothing more.
type checkpoint struct {
	size int64
	root tlog.Hash
}

type log struct {
	dir      string
	verifier note.Verifier
	// All checkpoints of the store, the newest last.
	checkpoints []checkpoint
	head        checkpoint
	// By leaf number: the hash of the entry as its bundle has it.
	leaves []tlog.Hash
	cache  map[string][]byte
}

func (l *log) open(file string) (checkpoint, error) {
	signed, err := os.ReadFile(file)
	if err != nil {
		return checkpoint{}, err
	}
	return l.openNote(signed)
}

func (l *log) openNote(signed []byte) (checkpoint, error) {
	opened, err := note.Open(signed, note.VerifierList(l.verifier))
	if err != nil {
		return checkpoint{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return checkpoint{}, errors.New("checkpoint is not of three lines")
	}
	if lines[0] != l.verifier.Name() {
		return checkpoint{}, fmt.Errorf("origin %q is not the key's name", lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return checkpoint{}, fmt.Errorf("size %q", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return checkpoint{}, fmt.Errorf("root %q", lines[2])
	}
	opening := checkpoint{size: size}
	copy(opening.root[:], root)
	return opening, nil
}

func (l *log) readCheckpoints() error {
	folder := filepath.Join(l.dir, "checkpoints")
	files, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, file := range files {
		if strings.HasPrefix(file.Name(), ".") || strings.HasSuffix(file.Name(), ".lock.json") {
			continue
		}
		opened, err := l.open(filepath.Join(folder, file.Name()))
		if err != nil {
			return fmt.Errorf("checkpoint %s: %w", file.Name(), err)
		}
		if fmt.Sprintf("%020d", opened.size) != file.Name() {
			return fmt.Errorf("checkpoint %s is of size %d", file.Name(), opened.size)
		}
		l.checkpoints = append(l.checkpoints, opened)
	}
	if len(l.checkpoints) == 0 {
		return errors.New("no checkpoint")
	}
	sort.Slice(l.checkpoints, func(a, b int) bool { return l.checkpoints[a].size < l.checkpoints[b].size })
	l.head = l.checkpoints[len(l.checkpoints)-1]
	fmt.Printf("checkpoints: %d open under %s\n", len(l.checkpoints), l.verifier.Name())
	fmt.Printf("head: size %d, root %s\n", l.head.size, l.head.root)
	return nil
}

// read returns the bytes of a tile or bundle of the tree of the head: the full one may stand in for a partial one.
func (l *log) read(kind string, index int64, width int) ([]byte, error) {
	path := fmt.Sprintf("%03d", index%1000)
	for rest := index / 1000; rest > 0; rest /= 1000 {
		path = fmt.Sprintf("x%03d/%s", rest%1000, path)
	}
	full := filepath.Join(l.dir, "tile", kind, path)
	name := full
	if width < tileWidth {
		name = filepath.Join(full+".p", strconv.Itoa(width))
	}
	if known, ok := l.cache[name]; ok {
		return known, nil
	}
	content, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) && width < tileWidth {
		content, err = os.ReadFile(full)
	}
	if err != nil {
		return nil, err
	}
	if l.cache == nil || len(l.cache) > 4096 {
		l.cache = map[string][]byte{}
	}
	l.cache[name] = content
	return content, nil
}

// width is how many of a tile's places the tree of the head fills.
func (l *log) width(level int, index int64) int {
	filled := l.head.size >> (tileHeight * level)
	if rest := filled - index*tileWidth; rest < tileWidth {
		return int(rest)
	}
	return tileWidth
}

func (l *log) readBundles() error {
	bundles := int64(0)
	for ; int64(len(l.leaves)) < l.head.size; bundles++ {
		width := l.width(0, bundles)
		content, err := l.read("entries", bundles, width)
		if err != nil {
			return err
		}
		for entry := 0; entry < width; entry++ {
			if len(content) < 2 {
				return fmt.Errorf("bundle %d ends in entry %d", bundles, entry)
			}
			length := int(content[0])<<8 | int(content[1])
			if len(content) < 2+length {
				return fmt.Errorf("bundle %d ends in entry %d", bundles, entry)
			}
			l.leaves = append(l.leaves, tlog.RecordHash(content[2:2+length]))
			content = content[2+length:]
		}
		// A full bundle may stand in for a partial one; a full one has nothing to hide.
		if width == tileWidth && len(content) > 0 {
			return fmt.Errorf("bundle %d has bytes after its last entry", bundles)
		}
	}
	fmt.Printf("bundles: %d, %d entries hashed\n", bundles, len(l.leaves))
	return nil
}

// checkTiles compares every tile with the hashes of the entries, level by level.
func (l *log) checkTiles() error {
	tiles, hashes := 0, l.leaves
	for level := 0; len(hashes) > 0; level++ {
		var above []tlog.Hash
		for index := 0; index*tileWidth < len(hashes); index++ {
			width := l.width(level, int64(index))
			content, err := l.read(strconv.Itoa(level), int64(index), width)
			if err != nil {
				return err
			}
			expected := hashes[index*tileWidth : index*tileWidth+width]
			for place, hash := range expected {
				if at := place * tlog.HashSize; len(content) < at+tlog.HashSize || !bytes.Equal(content[at:at+tlog.HashSize], hash[:]) {
					return fmt.Errorf("tile %d/%d differs at %d from the entries", level, index, place)
				}
			}
			tiles++
			if width == tileWidth {
				above = append(above, subtree(expected))
			}
		}
		hashes = above
	}
	fmt.Printf("tiles: %d equal the hashes of the entries\n", tiles)
	return nil
}

// subtree is the root over a power of two of hashes.
func subtree(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(subtree(hashes[:half]), subtree(hashes[half:]))
}

// ReadHashes finds stored hashes in the tiles on disk: tlog.HashReader.
func (l *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for at, index := range indexes {
		level, number := tlog.SplitStoredHashIndex(index)
		height := level % tileHeight
		first := number << height
		tile := first / tileWidth
		content, err := l.read(strconv.Itoa(level/tileHeight), tile, l.width(level/tileHeight, tile))
		if err != nil {
			return nil, err
		}
		start := int(first%tileWidth) * tlog.HashSize
		end := start + tlog.HashSize<<height
		if len(content) < end {
			return nil, fmt.Errorf("tile %d/%d is too short", level/tileHeight, tile)
		}
		var hashes []tlog.Hash
		for ; start < end; start += tlog.HashSize {
			var hash tlog.Hash
			copy(hash[:], content[start:])
			hashes = append(hashes, hash)
		}
		out[at] = subtree(hashes)
	}
	return out, nil
}

func (l *log) checkRoot() error {
	// The library gives the empty tree another hash than RFC 6962 does.
	root := tlog.Hash(sha256.Sum256(nil))
	if l.head.size > 0 {
		var err error
		if root, err = tlog.TreeHash(l.head.size, l); err != nil {
			return err
		}
	}
	if root != l.head.root {
		return fmt.Errorf("the tree hash is %s, the checkpoint says %s", root, l.head.root)
	}
	fmt.Printf("tree hash: %d entries, equals the checkpoint\n", l.head.size)
	return nil
}

func (l *log) checkRecords() error {
	step := (l.head.size + mostProofs - 1) / mostProofs
	if step == 0 {
		step = 1
	}
	count := 0
	for index := int64(0); index < l.head.size; index += step {
		proof, err := tlog.ProveRecord(l.head.size, index, l)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, l.head.size, l.head.root, index, l.leaves[index]); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		count++
	}
	fmt.Printf("inclusion: %d of %d entries proven\n", count, l.head.size)
	return nil
}

// consistent proves that an older checkpoint is of a beginning of the log.
func (l *log) consistent(old checkpoint) error {
	switch {
	case old.size > l.head.size:
		return fmt.Errorf("size %d is beyond the head's %d", old.size, l.head.size)
	case old.size == 0:
		if old.root != sha256.Sum256(nil) {
			return errors.New("the root of the empty log is not that of nothing")
		}
		return nil
	}
	proof, err := tlog.ProveTree(l.head.size, old.size, l)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, l.head.size, l.head.root, old.size, old.root)
}

func (l *log) checkOlder(files []string) error {
	older := l.checkpoints
	if _, err := os.Stat(filepath.Join(l.dir, "checkpoint")); err == nil {
		files = append(files, filepath.Join(l.dir, "checkpoint"))
	}
	for _, file := range files {
		opened, err := l.open(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		older = append(older, opened)
	}
	for _, old := range older {
		if err := l.consistent(old); err != nil {
			return fmt.Errorf("consistency of size %d: %w", old.size, err)
		}
	}
	fmt.Printf("consistency: %d checkpoints lead to the head\n", len(older))
	return nil
}

// checkProof verifies a *.tlog-proof for the bytes of an entry, and that its checkpoint leads to the head or beyond.
func (l *log) checkProof(proofFile, entryFile string) error {
	content, err := os.ReadFile(proofFile)
	if err != nil {
		return err
	}
	entry, err := os.ReadFile(entryFile)
	if err != nil {
		return err
	}
	header, signed, found := strings.Cut(string(content), "\n\n")
	lines := strings.Split(header, "\n")
	if !found || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a tlog-proof@v1")
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return errors.New("no index")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	head, err := l.openNote([]byte(signed))
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof, head.size, head.root, index, tlog.RecordHash(entry)); err != nil {
		return err
	}
	if head.size <= l.head.size {
		if err := l.consistent(head); err != nil {
			return err
		}
	}
	fmt.Printf("tlog-proof: entry %d in size %d, %d hashes\n", index, head.size, len(proof))
	return nil
}
