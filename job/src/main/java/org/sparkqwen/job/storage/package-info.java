/// The places of files: a model's location, `s3a:` paths, Hadoop file systems, and the host's cache directory.
@NullMarked
package org.sparkqwen.job.storage;

import org.jspecify.annotations.NullMarked;
