package web

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// AssetsPath is where assets are served: their paths begin with it.
const AssetsPath = "/assets/"

// Asset is a file that pages ask for. Its path has a hash of its content, so it may be kept
// for ever.
type Asset struct {
	// Path is "/assets/style.0a1b2c3d4e.css".
	Path        string
	ContentType string
	Body        []byte
}

// contentType is the type of an asset, by the extension of its name.
func contentType(name string) (string, error) {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8", nil
	case ".js":
		return "text/javascript; charset=utf-8", nil
	case ".svg":
		return "image/svg+xml", nil
	}
	return "", fmt.Errorf("web: %s has no known type", name)
}

// loadAssets returns the embedded files by their names, such as style.css.
func loadAssets() (map[string]Asset, error) {
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	assets := make(map[string]Asset, len(entries))
	for _, e := range entries {
		body, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		kind, err := contentType(e.Name())
		if err != nil {
			return nil, err
		}
		ext := path.Ext(e.Name())
		sum := sha256.Sum256(body)
		// Ten digits of the hash are enough to tell versions of one file.
		hashed := fmt.Sprintf("%s%s.%x%s", AssetsPath, strings.TrimSuffix(e.Name(), ext), sum[:5], ext)
		assets[e.Name()] = Asset{hashed, kind, body}
	}
	return assets, nil
}
