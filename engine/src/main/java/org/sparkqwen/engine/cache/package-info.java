/// The paged KV cache: keys and values of computed tokens in blocks that prompts share (prefix caching).
@NullMarked
package org.sparkqwen.engine.cache;

import org.jspecify.annotations.NullMarked;
