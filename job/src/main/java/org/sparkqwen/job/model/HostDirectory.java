package org.sparkqwen.job.model;

import java.nio.file.Path;
import org.sparkqwen.engine.hostcache.ModelCache;

/// A directory of this host with a model's files. No cleaning of the host's cache deletes it before it is closed.
public final class HostDirectory implements AutoCloseable {
    private final ModelCache.Copy copy;

    HostDirectory(ModelCache.Copy copy) {
        this.copy = copy;
    }

    /// Returns the path of the directory.
    public Path path() {
        return copy.directory();
    }

    @Override
    public void close() {
        copy.close();
    }
}
