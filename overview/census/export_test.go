package census

// Versions is how many texts of versions are held.
func (c *Census) Versions() int { return len(c.held.versions.texts) }
