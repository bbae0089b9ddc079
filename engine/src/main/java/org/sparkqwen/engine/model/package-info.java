/// Qwen3 itself: its configuration, its weights and its forward pass.
@NullMarked
package org.sparkqwen.engine.model;

import org.jspecify.annotations.NullMarked;
