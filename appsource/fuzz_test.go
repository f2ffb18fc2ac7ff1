package appsource

import (
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzFolder reads any bytes as GitHub's answer. What is taken of it can be
// stored, is then read as it was, and can be shown.
func FuzzFolder(f *testing.F) {
	for _, seed := range []string{
		`[{"name":"postgres","type":"dir"},{"name":"README.md","type":"file"}]`, `[]`, `null`, `{}`, `[{"name":"<script>","type":"dir"}]`,
		`[{"name":"a-b","type":"dir"},{"name":"ab","type":"dir"},{"name":"a-b","type":"dir"}]`, `{"message":"API rate limit exceeded"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := decodeFolder(body)
		if err != nil {
			return
		}
		stored, err := json.Marshal(List{Names: list})
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decodeStored(stored); err != nil || !reflect.DeepEqual(again.Names, list) {
			t.Fatalf("%q became %q, %v", list, again.Names, err)
		}
		if apps := newNames(readTable(), list).byApp(nil); len(apps) == 0 || len(apps) > len(list) {
			t.Fatalf("%d of %d names are shown", len(apps), len(list))
		}
	})
}
