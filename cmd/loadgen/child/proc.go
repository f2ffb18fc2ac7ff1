package child

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of processor time in /proc: Linux shows it as 1/100 s on every
// machine, whatever it counts in.
const tick = time.Second / 100

// errProc is returned when a file of /proc is not as proc(5) has it.
var errProc = errors.New("child: unexpected content in /proc")

// CPUTime returns the processor time that a process has used so far, to 10 ms.
func CPUTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("child: %w", err)
	}
	return parseCPU(stat)
}

// parseCPU reads utime and stime, the 14th and the 15th field. The second one is
// the program's name in parentheses, which may have spaces and parentheses.
func parseCPU(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const utime = 14 - 3
	if len(fields) <= utime+1 {
		return 0, fmt.Errorf("%w: stat %q", errProc, stat)
	}
	var ticks int64
	for _, f := range fields[utime : utime+2] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: stat %q", errProc, stat)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// PeakMemory returns the most bytes that a process had in memory, mapped files
// included.
func PeakMemory(pid int) (int64, error) { return memory(pid, "VmHWM:") }

// OwnMemory returns the bytes that a process has in memory now, without files.
func OwnMemory(pid int) (int64, error) { return memory(pid, "RssAnon:") }

func memory(pid int, name string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("child: %w", err)
	}
	return parseMemory(status, name)
}

// parseMemory reads a line such as "VmHWM:	    7184 kB".
func parseMemory(status []byte, name string) (int64, error) {
	for line := range bytes.Lines(status) {
		value, ok := bytes.CutPrefix(line, []byte(name))
		if !ok {
			continue
		}
		value, ok = bytes.CutSuffix(bytes.TrimSpace(value), []byte(" kB"))
		n, err := strconv.ParseInt(string(value), 10, 64)
		if !ok || err != nil {
			return 0, fmt.Errorf("%w: %q", errProc, line)
		}
		return n << 10, nil
	}
	return 0, fmt.Errorf("%w: no %s in status", errProc, name)
}
