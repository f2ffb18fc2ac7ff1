//go:build !race

package load

const othersShare = 1
