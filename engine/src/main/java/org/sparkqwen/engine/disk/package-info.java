/// Files of a Linux host: who may have written them, locks on them, and reads with and without the page cache.
@NullMarked
package org.sparkqwen.engine.disk;

import org.jspecify.annotations.NullMarked;
