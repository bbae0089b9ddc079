/// Quotes foreign text in messages for people, and hides secrets in them.
@NullMarked
package org.sparkqwen.engine.message;

import org.jspecify.annotations.NullMarked;
