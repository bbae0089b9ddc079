/// Keys and values of the tokens a sequence has computed.
@NullMarked
package org.sparkqwen.engine.cache;

import org.jspecify.annotations.NullMarked;
