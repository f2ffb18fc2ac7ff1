package mirror

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// dayFile is a day's file, in one of the two forms.
type dayFile struct {
	in   string // the folder of its product within the mirror
	date rollup.Date
	as   form
	size int64 // as it lies on the disk
}

// name is the file's path in the folder of the mirror.
func (f dayFile) name() string { return filepath.Join(f.in, dayFolderName, dayFileName(f.date, f.as)) }

// newestOf returns the last of the days that have versions; 0 if there are none.
func newestOf(versions map[rollup.Date]uint64) (newest rollup.Date) {
	for day := range versions {
		newest = max(newest, day)
	}
	return newest
}

// formOf returns the form in which a day is written, if that is not too long. Only the newest one is expected to
// change soon: what has ended is compressed once there is a day after it.
func formOf(day, newest rollup.Date) form {
	if day < newest {
		return zipped
	}
	return plain
}

func (f form) other() form {
	if f == plain {
		return zipped
	}
	return plain
}

// dayFiles returns the files of the days of a product, ascending, and how large all are together. After
// a crash, or a stop within a turn, a day may have both forms.
func (f place) dayFiles() (files []dayFile, total int64, err error) {
	entries, err := readFolder(f.days())
	if err != nil {
		return nil, 0, err
	}
	for _, e := range entries {
		date, as, ok := dayOfFile(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, 0, err
		}
		files = append(files, dayFile{f.in(), date, as, info.Size()})
		total += info.Size()
	}
	return files, total, nil
}

// dayReader reads the lines of a day's file, whichever its form.
type dayReader struct {
	io.Reader
	file   *os.File
	raw    io.Reader // of the file, as it lies on the disk
	digest hash.Hash // of what raw has read
}

// openDay opens a day's file. What can't be unzipped is an error of the reader.
func openDay(dir string, f dayFile) (*dayReader, error) {
	file, err := os.Open(filepath.Join(dir, f.name()))
	if err != nil {
		return nil, err
	}
	digest := sha256.New()
	r := &dayReader{file: file, digest: digest, raw: bufio.NewReaderSize(io.TeeReader(file, digest), 64<<10)}
	r.Reader = r.raw
	if f.as == zipped {
		r.Reader = &lazyGzip{from: r.raw}
	}
	return r, nil
}

func (r *dayReader) Close() error { return r.file.Close() }

// sum returns the SHA-256 of the whole file, which is read to its end.
func (r *dayReader) sum() (string, error) {
	_, err := io.Copy(io.Discard, r.raw)
	return hex.EncodeToString(r.digest.Sum(nil)), err
}

// errGzip is returned while a file is read that is no whole stream of gzip.
var errGzip = errors.New("not a whole gzip file")

// lazyGzip unzips from the first read on, so that a bad head is an error as any other.
type lazyGzip struct {
	from io.Reader
	zip  *gzip.Reader
}

func (z *lazyGzip) Read(p []byte) (n int, err error) {
	if z.zip == nil {
		if z.zip, err = gzip.NewReader(z.from); err == io.EOF {
			err = io.ErrUnexpectedEOF // an empty file is no empty stream
		}
	}
	if err == nil {
		n, err = z.zip.Read(p)
	}
	if err != nil && err != io.EOF {
		var disk *os.PathError
		if !errors.As(err, &disk) {
			err = errors.Join(errGzip, err)
		}
		z.zip = nil
	}
	return n, err
}

// writeDayFile writes a day's file of at most some bytes as a stream, and returns its
// bytes and digest. The same lines always give the same file: gzip's head has neither
// name nor time. It returns errNoRoom if the bytes do not suffice, and what ask returns, which
// says whether the volume's do.
func writeDayFile(path string, as form, most int64, ask func() error, lines func(io.Writer) error) (e dayEntry, err error) {
	digest := sha256.New()
	err = writeFile(path, func(file io.Writer) error {
		out := &bounded{to: io.MultiWriter(file, digest), most: most, ask: ask}
		err := writeAs(as, out, lines)
		e.Bytes = out.n
		return err
	})
	e.SHA256 = hex.EncodeToString(digest.Sum(nil))
	return e, err
}

func writeAs(as form, out io.Writer, lines func(io.Writer) error) error {
	if as == plain {
		return lines(out)
	}
	zip, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if err := lines(zip); err != nil {
		return err
	}
	return zip.Close()
}
