"""Where a model goes: plans that can be printed before anything is loaded, and lowered when memory runs out."""

from codeagent.inference.placement.build import DEFAULT_CONTEXT as DEFAULT_CONTEXT
from codeagent.inference.placement.choose import largest_context as largest_context
from codeagent.inference.placement.choose import lower as lower
from codeagent.inference.placement.choose import plan as plan
from codeagent.inference.placement.choose import shortage as shortage
from codeagent.inference.placement.describe import describe as describe
from codeagent.inference.placement.plans import Companion as Companion
from codeagent.inference.placement.plans import Plan as Plan
