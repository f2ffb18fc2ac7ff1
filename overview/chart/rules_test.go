package chart

import "testing"

func check(t testing.TB, svg string) {}
