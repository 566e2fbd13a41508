{-# LANGUAGE GADTs, TypeFamilies #-}
-- | Orders of a shop.
module Shop.Order
  ( Order (..)
  , total
  ) where

import qualified Data.Map.Strict as Map
import Data.List (sortOn, (\\))
import Shop.Money hiding (zero)

-- | What somebody buys.
-- More text.
data Order a = Order
  { orderName  :: !String -- ^ its name
  , orderLines :: [Line a]
  }
  | Empty
  deriving stock (Show, Eq)

newtype Price = Price { cents :: Int }
  deriving newtype (Num)

type Handler m = Order Price -> m ()

data Shape where
  Circle :: Double -> Shape
  Square :: { side :: Double } -> Shape

type family Elem c where
  Elem [e] = e

{- | Things with a price. -}
class Monoid a => Priced a where
  type Currency a
  -- | The price of one.
  price :: a -> Price
  price _ = Price 0
  {-# MINIMAL price #-}

instance Priced Price where
  price = id

instance (Show a, Priced a) => Priced (Order a) where
  price Empty = Price 0
  price order = foldMap price (orderLines order)

deriving instance Ord Price

-- | The sum of all lines.
total
  :: (Priced a, Foldable t)
  => t a
  -> Int
total things = go 0 (toList things)
  where
    go :: Int -> [a] -> Int
    go acc [] = acc
    go acc (x : xs) = go (acc + cents (price x)) xs

infixl 6 <+>

(<+>) :: Order a -> Order a -> Order a
Empty <+> other = other
Order n ls <+> Order _ ms = Order n (ls <> ms)
order <+> Empty = order

isEmpty :: Order a -> Bool
isEmpty Empty = True
isEmpty _
  | otherwise = False

limit, floor' :: Int
limit = 100
floor' = 1

noSignature x = Map.lookup x known

pattern Pair :: a -> b -> (a, b)
pattern Pair x y = (x, y)

foreign import ccall "math.h sin" c_sin :: Double -> Double

main :: IO ()
main = do
  let order = Empty
  print (total [order])
