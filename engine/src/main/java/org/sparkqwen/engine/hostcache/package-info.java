/// A host's cache of models: copies of their files, and packed weights.
@NullMarked
package org.sparkqwen.engine.hostcache;

import org.jspecify.annotations.NullMarked;
